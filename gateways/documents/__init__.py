"""Documents for people to keep: PDFs with right letters in every script we write."""
