// placeholder: replaced by the import-direction check
