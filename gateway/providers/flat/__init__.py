"""A calendar object as one event or one series with exceptions: the form that most providers can hold.

What plug-ins share who cut objects up and put them together: values (``model``), reading iCalendar into them
(``object_reader``), writing them back, always the same bytes for the same value (``write_ical``). What one
provider cannot hold is that plug-in's business.
"""
