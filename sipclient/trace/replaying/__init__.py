"""A trace through the same engine and the same rules as live traffic: what would we have done?"""
