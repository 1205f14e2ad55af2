"""People and devices behind signatures; built with the devices issue."""
