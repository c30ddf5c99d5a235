"""How sound travels."""
