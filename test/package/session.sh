# SPDX-License-Identifier: MIT
# What somebody does with an archive, in namespaces of its own: sh session.sh SHARED. All that programs may write to is
# empty memory here; answers go to SHARED/out.
set -e
mount --bind "$1" /mnt
for directory in /tmp /var/tmp /run /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $directory; done
mkdir /tmp/home
out=/mnt/out
system=$PATH
export HOME=/tmp/home TERM=dumb

places() { PATH=$system find /tmp /var/tmp /run /dev/shm -print | PATH=$system sort; }

# The command's answer, its complaints and how it ended.
ask() {
  name=$1
  shift
  status=0
  "$@" >$out/$name 2>$out/$name.err || status=$?
  echo $status >$out/$name.status
}

places >$out/before
cat /proc/net/dev >$out/network
mkdir /tmp/opt
tar -xzf /mnt/numashard.tar.gz -C /tmp/opt
export PATH=/mnt/bin
for program in cc gcc npm; do
  if command -v $program; then exit 1; fi
done
echo none >$out/compiler
numashard=$(echo /tmp/opt/numashard-*/bin/numashard)
model=/mnt/tiny.gguf

ask version "$numashard" --version
ask inspect "$numashard" inspect $model --json
ask plan "$numashard" plan $model --machine /mnt/four-nodes.tar.gz --threads 8
ask export "$numashard" plan $model --machine /mnt/four-nodes.tar.gz --threads 8 --export=env
ask run-plain "$numashard" run -- true
host=/mnt/host/host
ask content "$numashard" run --map '*:rows' --residency private -- $host content /mnt/host/model.gguf
ask run "$numashard" run --map '*:rows' --residency private --report $out/report.json -- $host computing /mnt/host/model.gguf
ask place "$numashard" place $model --threads 2 --json
ask verify "$numashard" verify $model --json
ask lab-list "$numashard" lab list

PATH=$system
places >$out/during
rm -rf /tmp/opt /tmp/home/.cache/numashard
places >$out/after
