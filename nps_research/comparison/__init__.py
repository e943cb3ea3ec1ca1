"""Which number carries the information: efficiency, alarms, association, few firms."""
