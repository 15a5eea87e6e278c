#!/usr/bin/env bash
# Packs the tool chains of this machine for a machine that has none of them and no package index.
#
#     benchmarks/carry_tools.sh pack TOOLS.tar.xz [bwrap node java ruby php go esbuild lua]
#     benchmarks/carry_tools.sh unpack TOOLS.tar.xz FOLDER      # then: export PATH=FOLDER/bin:$PATH
#     benchmarks/carry_tools.sh check FOLDER                    # the sandbox judges a program a language with them alone
#
# `pack` with go and `check` run Python with moesaic's dependencies: PYTHON=.venv/bin/python names it (default: python3).
#
# FOLDER is a folder of its own, not /opt or a home, which the sandbox would refuse. The other machine is of the same
# architecture and its C library is no older than this one's; it has Python, util-linux and, for C and C++, a compiler.
# Nothing there is written outside FOLDER, so its own packages stay as they are.
#
# A tool with shared libraries that a bare machine lacks starts through a script of one line that names the folder of
# these; the sandbox gives no variables to what it runs. Java is a run-time image made by jlink, with the compiler, Go its
# compiler and the sources of the packages that programs may import. What is left out is documentation, debugging
# symbols, package managers, and the data of ICU, which PHP's XML links to and no program here reads: an empty
# library stands in for it.
set -euo pipefail

everything=(bwrap node java ruby php go esbuild lua)

fail() { echo "carry_tools: $1" >&2; exit 2; }

need() { command -v "$1" >/dev/null || fail "$1 is not on PATH: install it here, or leave it out"; }

# Sets $python to a Python that can import all that pack_go and check need. Asked before the work, because a traceback
# in the middle of a pipe does not say which Python it is from.
need_python() {
  local wanted=${PYTHON:-python3} remedy="set PYTHON to one with moesaic's dependencies, such as PYTHON=.venv/bin/python" error
  here=$(cd "$(dirname "$0")" && pwd)
  command -v "$wanted" >/dev/null || fail "$wanted is not on PATH: $remedy"
  # Not the name itself, which may mean another Python on the shorter PATH of check.
  python=$("$wanted" -c 'import sys; print(sys.executable)') || fail "$wanted does not start: $remedy"
  export PYTHONPATH=$here/../src${PYTHONPATH:+:$PYTHONPATH}
  error=$("$python" -c '
from moesaic.execution import go_tests
from moesaic.languages import LANGUAGES
from moesaic.parsing import grammar
for name in LANGUAGES: grammar(name)' 2>&1) || fail "$python cannot read programs (${error##*$'\n'}): $remedy"
}

# The libraries of programs, but for those that every machine with g++ has.
libraries() {
  ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libstdc\+\+|libgcc_s)\.so' || true
}

# launcher NAME PROGRAM [ARGUMENT ...]: bin/NAME starts real/NAME with the libraries of lib/NAME.
launcher() {
  local name=$1 program=$2 path
  shift 2
  mkdir -p "$root/real" "$root/lib/$name"
  cp -L "$program" "$root/real/$name"
  strip --strip-unneeded "$root/real/$name" 2>/dev/null || true
  for path in $(libraries "$program"); do
    case $path in
      */libicudata.so.*) empty_icu "$path" "$root/lib/$name" ;;
      *) cp -L "$path" "$root/lib/$name/" ;;
    esac
  done
  {
    echo '#!/bin/sh'
    echo 'here=${0%/*}/..'
    echo "LD_LIBRARY_PATH=\$here/lib/$name exec \$here/real/$name $* \"\$@\""
  } >"$root/bin/$name"
  chmod 755 "$root/bin/$name"
}

empty_icu() { # its name and its one symbol, icudt<version>_dat
  local file=${1##*/}
  local version=${file##*.}
  echo "const char icudt${version}_dat[64];" | cc -shared -fPIC -x c - -Wl,-soname,"$file" -o "$2/$file"
}

pack_bwrap() { launcher bwrap "$(command -v bwrap)" --unsetenv LD_LIBRARY_PATH; }

pack_node() { cp -L "$(command -v node)" "$root/bin/node" && strip --strip-unneeded "$root/bin/node" 2>/dev/null || true; }

pack_esbuild() { cp -L "$(command -v esbuild)" "$root/bin/esbuild"; }

pack_lua() { launcher lua5.4 "$(command -v lua5.4)"; }

pack_java() {
  local home
  home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
  "$home/bin/jlink" --add-modules java.base,java.compiler,jdk.compiler,jdk.zipfs,java.logging --compress=0 \
    --strip-debug --no-header-files --no-man-pages --output "$root/java"
  rm -rf "$root/java/lib/ct.sym" "$root/java/legal" "$root/java/lib/server/"*.jsa
  ln -s ../java/bin/java ../java/bin/javac "$root/bin/"
}

pack_ruby() {
  local options="" key
  for key in rubylibdir rubyarchdir; do # the standard library, and its compiled part
    mkdir -p "$root/ruby/$key"
    tar -C "$(ruby -e "print RbConfig::CONFIG['$key']")" --exclude=./rdoc --exclude=./bundler --exclude=./irb -chf - . |
      tar -C "$root/ruby/$key" -xf -
    options+=" -I\$here/ruby/$key"
  done
  find "$root/ruby" -name '*.so' -exec strip --strip-unneeded {} +
  launcher ruby "$(command -v ruby)" "$options"
}

pack_php() { launcher php "$(command -v php)"; }

pack_go() {
  local from to=$root/go tools package
  from=$(go env GOROOT) tools=$(go env GOTOOLDIR)
  mkdir -p "$to/bin" "$to/pkg/tool/$(basename "$tools")" "$to/src"
  cp -L "$from/bin/go" "$to/bin/go"
  cp -L "$from/VERSION" "$to/"
  for package in compile link asm; do cp -L "$tools/$package" "$to/pkg/tool/$(basename "$tools")/"; done
  strip "$to/bin/go" "$to"/pkg/tool/*/* 2>/dev/null || true
  cp -rL "$from/pkg/include" "$to/pkg/"
  "$python" -c "from moesaic.execution.go_tests import PACKAGES; print(*PACKAGES)" |
    xargs env HOME="$work" GO111MODULE=off CGO_ENABLED=0 GOCACHE="$work/cache" go list -e -deps -f '{{.ImportPath}}' |
    while read -r package; do
      [ -d "$from/src/$package" ] || continue
      mkdir -p "$to/src/$package"
      find -L "$from/src/$package" -maxdepth 1 -type f ! -name '*_test.go' -exec cp -L {} "$to/src/$package/" \;
    done
  mkdir -p "$to/src/runtime/cgo" # its headers are the assembler's
  cp -L "$from"/src/runtime/cgo/*.h "$to/src/runtime/cgo/"
  ln -s ../go/bin/go "$root/bin/go"
}

pack() {
  local archive=$1 tool
  shift
  [ $# -gt 0 ] || set -- "${everything[@]}"
  for tool in "$@"; do # all of them first, because packing takes minutes
    case " ${everything[*]} " in *" $tool "*) ;; *) fail "$tool cannot be packed, only ${everything[*]}" ;; esac
    case $tool in java) need javac ;; lua) need lua5.4 ;; *) need "$tool" ;; esac
    case $tool in go) need_python ;; esac
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  root=$work/tools
  mkdir -p "$root/bin"
  for tool in "$@"; do
    "pack_$tool"
    echo "$tool: $(du -sm "$root" | cut -f1) MB so far, unpacked" >&2
  done
  # Large windows find what Java's and Node's images repeat; the other machine needs as much memory as the window.
  tar -C "$root" --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | xz -T1 --lzma2=preset=9e,dict=128MiB >"$archive.partial"
  mv "$archive.partial" "$archive"
  echo "$archive: $(du -sm "$archive" | cut -f1) MB" >&2
}

unpack() {
  mkdir -p "$2"
  tar -C "$2" -xJf "$1"
  chmod 755 "$2"
  # Its classes as memory to be mapped: every start of a JVM is half a second shorter.
  [ ! -x "$2/bin/java" ] || "$2/bin/java" -Xshare:dump >/dev/null 2>&1 || echo "carry_tools: java -Xshare:dump failed" >&2
}

check() {
  need_python
  env -i HOME="${HOME:-/}" PATH="$1/bin:/usr/bin:/bin" PYTHONPATH="$PYTHONPATH" "$python" "$here/carry_tools_check.py" "$1"
}

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

case ${1:-} in
  pack)
    [ $# -ge 2 ] || usage
    shift
    pack "$@"
    ;;
  unpack)
    [ $# -eq 3 ] || usage
    unpack "$2" "$3"
    ;;
  check)
    [ $# -eq 2 ] || usage
    [ -d "$2/bin" ] || fail "check: $2 has no folder bin: unpack the tools there first"
    check "$(cd "$2" && pwd)"
    ;;
  *) usage ;;
esac
