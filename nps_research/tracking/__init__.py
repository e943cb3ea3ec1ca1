"""Surveys in waves: a level that walks at random, control charts, false alarms and spikes."""
