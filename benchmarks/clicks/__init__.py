"""The clicks: made events with ids as a shop window of the web has them, and a best log loss that is known."""
