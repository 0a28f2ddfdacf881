"""Review package: test radiographs for readers who know neither label nor decision, and the agreement of their answers."""
