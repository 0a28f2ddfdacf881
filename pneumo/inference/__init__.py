"""A registered or exported model on new radiographs: prediction, refusal, referral, export, serving, DICOM output."""
