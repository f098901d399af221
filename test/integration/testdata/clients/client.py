import sys
import urllib.request

with urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=b"from a client")) as response:
    print(response.read().decode())
