"""Everything between hospitals: how calls reach sites elsewhere. One machine needs none of it."""
