"""Decoder language models: prompts, the part that prompts share, and what a model says next.

A prompt is text before and after a point's own text; a class is a word that may follow it. Encoders read a prompt's
last hidden state, prompted teachers the probabilities of the class words.
"""
