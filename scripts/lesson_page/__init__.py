"""The lessons of docs/lessons.html and of the command `lesson`, from the gallery's records and the forecast."""
