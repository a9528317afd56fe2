"""Starts the suite out of the folder that it was installed into: python2.7 wstest.py FOLDER OPTIONS"""

import site
import sys

site.addsitedir(sys.argv.pop(1))

from autobahntestsuite.wstest import run

run()
