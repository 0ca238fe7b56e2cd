"""Reasoning between <think> and </think>, then the response.

from understudy.formats.think_tags import ThinkTags
ThinkTags().split("2 and 2 ... </think> 4")    # ("2 and 2 ...", "4", True)
"""
