"""One verb a file: `pneumo.stages.NAME` offers `run(config, console)`."""

# In running order.
STAGES = {
    "fetch": "Fetch the public archive of radiographs.",
    "prepare": "Index the cohort, check it, and decode it into the pixel caches.",
    "audit": "Look for leakage, and for what the making of the radiographs gives away of their label.",
    "baseline": "Train, evaluate and register the plain CNN.",
    "weighted": "Train, evaluate and register the class-weighted CNN with dropout.",
    "robust": "Train and register residual networks under acquisition shift, of several seeds, and their ensemble.",
    "resnet50": "Train a head on a frozen ImageNet backbone, fine-tune both, evaluate and register.",
    "heads": "Search for the best head on the frozen backbone of resnet50, layer by layer.",
    "hpo": "Search learning rate and dropout, and register the best network.",
    "crossval": "Cross-validate one recipe within the train split.",
    "ablate": "Train three plain networks with and without augmentation, and compare them on validation.",
    "ingredients": "Train the robust recipe without each of its ingredients, and compare on validation and, at the very end, test.",
    "gradcam": "Draw heatmaps of each model's mistakes on the test split.",
    "robustness": "Score each model on validation radiographs that were acquired worse, or otherwise.",
    "heatmaps": "Measure every method of drawing heatmaps on each model, and draw them side by side.",
    "report": "Write the report page, its figures and metrics.json.",
    "bench": "Measure training and decoding against the obvious alternatives and the limit.",
    "reproduce": "Run a small fixed study twice and compare it with the committed expectations.",
}
