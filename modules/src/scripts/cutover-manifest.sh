# cutover-manifest ROOT [NAME...]: writes a manifest of the tree at ROOT, leaving out the NAMEs directly in it. Reads only.
set -eu
export LC_ALL=C
manifest "$@"
