"""How the book is made of the notebooks: what is copied, numbered, listed and linked."""
