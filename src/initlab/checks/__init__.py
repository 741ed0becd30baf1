"""What a config and a constructor may ask for, checked before anything is made."""
