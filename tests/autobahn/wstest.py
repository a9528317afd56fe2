"""Starts the suite from its installation folder: python2.7 wstest.py FOLDER OPTIONS"""

import site
import sys

site.addsitedir(sys.argv.pop(1))

from autobahntestsuite.wstest import run

run()
