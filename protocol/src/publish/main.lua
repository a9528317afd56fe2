return publish(KEYS, ARGV)
