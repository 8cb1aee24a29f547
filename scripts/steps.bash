# shellcheck shell=bash
# What the scripts share: saying what is done and how long it took, becoming root, working as the
# user `strongroom`. Sourced, never run.
#
# Rules: root installs packages, makes the user and copies the checkout; everything else runs as
# `strongroom`, in a copy that this user owns, since the checkout may lie where it cannot read.

set -euo pipefail

checkout="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
script="$(basename "$0")"
service_user=strongroom
service_home=/var/lib/strongroom
copy="$service_home/src/$(printf '%s' "$checkout" | sha256sum | cut -c1-12)"
# Free only to the user itself: sample vaults of the tests and of the demo lie below it.
umask 022

say() { printf '\n== %s: %s\n' "$script" "$*"; }
note() { printf '   %s\n' "$*"; }
fail() {
    printf '\nerror: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}

took() {
    local seconds=$1
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

# step "what is done" command…: runs it and says how long it took. A command that fails ends the
# script, which then names the step. (Not "command || …" here: that would switch off `set -e` inside.)
current_step=
lanes=()
step() {
    local began=$SECONDS
    current_step=$1
    shift
    say "$current_step"
    "$@"
    note "done in $(took $((SECONDS - began))) minutes: $current_step"
    current_step=
}
at_exit() {
    local status=$?
    local lane
    for lane in "${lanes[@]}"; do kill -- "-$lane" 2>/dev/null || true; done
    if [ -n "${small_disk_mounted:-}" ]; then unmount_small_disk; fi
    if [ "$status" -ne 0 ] && [ -n "$current_step" ]; then
        printf '\nerror: failed (exit %s) while: %s\n' "$status" "$current_step" >&2
    fi
}
trap at_exit EXIT

# suite "what is tested" RESULTS command…: like step, but a failure is noted and the script goes on.
# RESULTS is the xUnit file that the command writes, or - for a command that is a test itself.
outcomes=()
suite() {
    local title=$1 results=$2 began=$SECONDS status=0 outcome=passed
    shift 2
    say "$title"
    "$@" || status=$?
    [ "$status" -eq 0 ] || outcome="FAILED (exit $status)"
    outcomes+=("$status" "$results" "$title")
    note "$outcome in $(took $((SECONDS - began))) minutes: $title"
}

# The folder of the Swift toolchain, found before sudo replaces PATH.
find_swift() {
    if [ -z "${STRONGROOM_SWIFT_BIN:-}" ]; then
        local swift
        swift="$(command -v swift || true)"
        [ -n "$swift" ] || fail "no 'swift' on the PATH" \
            "install Swift 6.2 or later (https://www.swift.org/install/linux/debian/12/), put its usr/bin on the PATH, and run scripts/$script again"
        # A version manager such as swiftly puts a link there: the toolchain is where it points.
        STRONGROOM_SWIFT_BIN="$(dirname "$(readlink -f "$swift")")"
    fi
    export STRONGROOM_SWIFT_BIN
}

# Names of the settings that are handed on to sudo and to the user strongroom, where they are set.
handed_on() {
    compgen -e | grep -E '^(AGE_TESTKIT|CI|TERM|STRONGROOM_SWIFT_BIN|STRONGROOM_TEST_.*|PIP_.*|SSL_.*|GIT_SSL_.*|.*_CA_BUNDLE|(http|https|no|HTTP|HTTPS|NO)_(proxy|PROXY)|SOURCE_DATE_EPOCH)$' || true
}

become_root() {
    [ "$(id -u)" -eq 0 ] && return
    command -v sudo >/dev/null || fail "scripts/$script installs Debian packages, so it needs root" \
        "run it as root, or install sudo and allow your account to use it"
    note "packages are installed by root: going on through sudo"
    local name settings=()
    while IFS= read -r name; do settings+=("$name=${!name}"); done < <(handed_on)
    exec sudo -- env "${settings[@]}" "$checkout/scripts/$script" "$@"
}

# as_service command…: runs it as the user strongroom in the copy of the checkout, with nothing of
# the caller's environment but what handed_on names. No shell, no process between: Ctrl-C arrives.
service_command() {
    local name
    service=(setpriv "--reuid=$service_user" "--regid=$service_user" --init-groups
        env -i "--chdir=${service_folder:-$copy}"
        "HOME=$service_home" "USER=$service_user" "LOGNAME=$service_user" LANG=C.UTF-8
        "PATH=${STRONGROOM_SWIFT_BIN:+$STRONGROOM_SWIFT_BIN:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    while IFS= read -r name; do service+=("$name=${!name}"); done < <(handed_on)
}
as_service() {
    local service
    service_command
    "${service[@]}" "$@"
}

# The tracked and the new files of the checkout, as they are now; not what git ignores.
checkout_files() {
    if git -C "$checkout" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git -C "$checkout" ls-files -z --cached --others --exclude-standard
    else
        (cd "$checkout" && find . \( -name '.build*' -o -name '.git' -o -name '.venv*' -o -name __pycache__ \) \
            -prune -o \( -type f -o -type l \) -print0)
    fi
}

# Copies the checkout to where strongroom may build it. Only files whose bytes differ are written, and
# .build stays, so that a second run builds only what changed.
copy_checkout() {
    local list
    list="$(mktemp)"
    # A file that is deleted but not yet committed is still in git's list: leave it out.
    checkout_files | (cd "$checkout" && while IFS= read -r -d '' file; do
        if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
    done) >"$list"
    local fresh="$copy.fresh"
    rm -rf "$fresh"
    install -d -o "$service_user" -g "$service_user" -m 0755 "$service_home/src" "$copy" "$fresh"
    tar -C "$checkout" --null --no-recursion --files-from="$list" -cf - | tar -C "$fresh" --no-same-owner -xf -
    rm -f "$list"
    rsync --recursive --links --perms --checksum --delete --chown="$service_user:$service_user" --owner --group \
        --exclude='/.build*' --exclude='/Package.resolved' --exclude=__pycache__ "$fresh/" "$copy/"
    rm -rf "$fresh"
    note "the checkout $checkout is copied to $copy"
    if [ -n "${AGE_TESTKIT:-}" ] && [ -d "$AGE_TESTKIT" ]; then
        install -d -o "$service_user" -g "$service_user" -m 0755 "$service_home/age-testkit"
        rsync --recursive --checksum --delete --chmod=D0755,F0644 --chown="$service_user:$service_user" \
            --owner --group "$AGE_TESTKIT/" "$service_home/age-testkit/"
        export AGE_TESTKIT="$service_home/age-testkit"
        note "age test vectors: $(find "$AGE_TESTKIT" -type f | wc -l) files"
    fi
}

# Says plainly where the road to the toolchain is closed to the user strongroom.
check_swift() {
    local version folder="$STRONGROOM_SWIFT_BIN"
    if ! version="$(service_folder=/ as_service swift --version 2>&1)"; then
        while [ "$folder" != / ]; do
            if ! service_folder=/ as_service test -x "$folder"; then
                local closed="$folder"
            fi
            folder="$(dirname "$folder")"
        done
        [ -z "${closed:-}" ] || fail "the user $service_user cannot enter $closed, where the Swift toolchain is" \
            "move the toolchain to a folder open to all (such as /opt/swift), or: chmod o+rx $closed"
        fail "Swift does not run as the user $service_user: $version"
    fi
    note "$(printf '%s' "$version" | head -1)"
    local number
    number="$(printf '%s' "$version" | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -1)"
    if [ "$(printf '6.2\n%s\n' "$number" | sort -V | head -1)" != 6.2 ]; then
        fail "Swift $number is too old" "install Swift 6.2 or later"
    fi
}

# Where git is told to take packages from a local folder, git wants that folder's owner trusted.
trust_local_packages() {
    if git config --system --get-regexp '^url\..*\.insteadof$' 2>/dev/null | grep -q '^url\./'; then
        service_folder=/ as_service git config --global --get-all safe.directory 2>/dev/null | grep -qxF '*' ||
            service_folder=/ as_service git config --global --add safe.directory '*'
    fi
}

# prepare demo|test|bench arguments…: packages, user, copy of the checkout, toolchain.
prepare() {
    local purpose=$1
    shift
    find_swift
    become_root "$@"
    step "packages and the user $service_user (scripts/bootstrap --for $purpose)" \
        "$checkout/scripts/bootstrap" --for "$purpose"
    step "copying the checkout for the user $service_user" copy_checkout
    check_swift
    trust_local_packages
}

# The Python of the tests: Debian's, in a venv of what Tests/requirements.txt pins.
prepare_python() {
    local pinned="$copy/Tests/requirements.txt"
    venv="$service_home/venv/$(sha256sum "$pinned" | cut -c1-12)"
    if [ ! -e "$venv/complete" ]; then
        rm -rf "$venv"
        as_service /usr/bin/python3 -m venv "$venv"
        as_service "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$pinned"
        as_service touch "$venv/complete"
    fi
    note "Python packages in $venv"
}

# The values of Tests/sizes.env for ci or soak, as STRONGROOM_TEST_…: what tests in Swift and Python read.
choose_sizes() {
    local name value
    export STRONGROOM_TEST_SIZE="$1"
    while IFS='=' read -r name value; do
        case "$name" in
        SEED) export STRONGROOM_TEST_SEED="$value" ;;
        "${1^^}"_*) export "STRONGROOM_TEST_${name#*_}=$value" ;;
        esac
    done < <(grep -E '^[A-Z]+(_[A-Z0-9_]+)?=' "$checkout/Tests/sizes.env")
    note "sizes and seeds: $1 (Tests/sizes.env)"
}

# One configuration for everything: programs, Swift tests and the out-of-process tests' subjects.
build_all() { as_service swift build -c release --build-tests -j 2; }

# The programs, and the ones of Benchmarks/ that measure them: Package.swift names these only here.
build_benchmarks() { as_service env STRONGROOM_BENCHMARKS=yes swift build -c release -j 2; }

# The parsers of what strangers send, watched by libFuzzer: a build of its own, which Package.swift names only here.
build_fuzzing() {
    as_service env STRONGROOM_FUZZING=yes swift build -c release -j 2 --scratch-path .build/fuzzing --product fuzzing \
        -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld
}

# fuzz SECONDS [PARSER…]: each parser for so long, by the seed of Tests/sizes.env; all of them where none is named. What breaks one
# is kept below .build/fuzzing/found, and is a failure.
fuzz() {
    local seconds=$1 folder="$copy/.build/fuzzing" parser tried status=0
    shift
    local parsers=("$@")
    [ ${#parsers[@]} -gt 0 ] || parsers=(multipart age-header note mail word heic)
    for parser in "${parsers[@]}"; do
        as_service mkdir -p "$folder/begin/$parser" "$folder/found"
        if as_service "$folder/release/fuzzing" "$parser" "-max_total_time=$seconds" "-seed=$STRONGROOM_TEST_SEED" \
            -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
            "-artifact_prefix=$folder/found/$parser-" "$folder/begin/$parser" "$copy/Tests/fuzzing/corpus/$parser" \
            >"$folder/said-$parser" 2>&1; then
            tried="$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/said-$parser")"
            note "$parser: $tried inputs in $seconds s, $(sed -n 's/^stat::peak_rss_mb: *//p' "$folder/said-$parser") MiB at the most"
        else
            status=1
            tail -n 40 "$folder/said-$parser"
            note "$parser: broken by what lies in $folder/found"
        fi
    done
    return "$status"
}

# A disk that can be filled: root mounts it, the tests' subjects use it as the user strongroom.
small_disk="$service_home/small-disk"
mount_small_disk() {
    unmount_small_disk
    install -d -o "$service_user" -g "$service_user" -m 0700 "$small_disk"
    mount -t tmpfs -o "size=${STRONGROOM_TEST_SMALL_DISK_MIB}m,uid=$(id -u "$service_user"),gid=$(id -g "$service_user"),mode=0700" \
        strongroom-small-disk "$small_disk"
    small_disk_mounted=yes
    export STRONGROOM_TEST_SMALL_DISK="$small_disk"
    note "a disk of $STRONGROOM_TEST_SMALL_DISK_MIB MiB at $small_disk, for the tests of a full disk"
}
unmount_small_disk() {
    while mountpoint --quiet "$small_disk"; do umount "$small_disk"; done
}

# The preloaded library that kills or fails file system calls (Tests/faults), built anew: it takes a second.
build_shim() {
    as_service mkdir -p "$copy/.build/faults"
    as_service make --silent -C "$copy/Tests/faults" "OUT=$copy/.build/faults"
    export STRONGROOM_TEST_SHIM="$copy/.build/faults/shim.so"
}

# What the out-of-process tests start.
name_programs() {
    local programs
    programs="$(readlink -f "$copy/.build/release")"
    export STRONGROOM_TEST_BIN="$programs/strongroom"
    export STRONGROOM_TEST_INSPECTOR="$programs/strongroom-inspector"
}

# run_lanes FOLDER…: the modules of each folder of Tests/ one after the other, the folders side by side: two
# modules of one folder may want the same thing (the small disk, the demo's port), two of different ones never.
# What a module prints is held back until it ends, so that lanes do not mix.
run_lanes() {
    local folder lane
    # Each lane is a process group of its own, so that at_exit ends all of it when somebody presses Ctrl-C.
    set -m
    for folder in "$@"; do
        run_lane "$folder" &
        lanes+=($!)
    done
    set +m
    for lane in "${lanes[@]}"; do wait "$lane"; done
    lanes=()
    for folder in "$@"; do mapfile -d '' -t -O "${#outcomes[@]}" outcomes <"$results/lane-$folder"; done
}
run_lane() {
    local module name
    outcomes=()
    for module in "$copy/Tests/$1"/test_*.py; do
        name="$(basename "$module" .py)"
        suite "${module#"$copy"/}" "$results/$name.xml" \
            as_service "$venv/bin/python" -B -m pytest "$module" --junitxml "$results/$name.xml" --durations 8 --durations-min 2 \
            >"$results/$name.txt" 2>&1
        cat "$results/$name.txt"
    done
    printf '%s\0' "${outcomes[@]}" >"$results/lane-$1"
}

# Adds up what the suites' own result files (xUnit) say, and ends the script with that as its last line.
sum_up() {
    say "all suites: $(took $SECONDS) minutes from the start"
    /usr/bin/python3 - "${outcomes[@]}" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

passed = failed = skipped = 0


def failure(words):
    global failed
    failed += 1
    print(f"   failed: {words}")


suites = iter(sys.argv[1:])
for status, path, title in zip(suites, suites, suites):
    before = failed
    if path == "-":
        passed += status == "0"
        cases = []
    else:
        try:
            cases = list(tree.parse(path).getroot().iter("testcase"))
            if not cases:
                failure(f"{title}: no test ran")
        except (OSError, tree.ParseError) as error:
            cases = []
            failure(f"{title}: no results ({error})")
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failure(f"{case.get('classname')} · {case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"   skipped: {case.get('classname')} · {case.get('name')}")
        else:
            passed += 1
    if status != "0" and failed == before:
        failure(f"{title} (exit {status})")
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed else 0)
PYTHON
}
