# Sums up what `cargo test -- --show-output` says: passes on everything but the output of tests that passed, and tells at the
# end how many passed, failed, and were skipped. Ends with 1 if one failed or if there was none.

# `SKIPPED: reason` without its head.
function reason(line) { sub(/^SKIPPED:? */, "", line); return line }

/^ *Running / || /^ *Doc-tests / { binary = $0; test = "" }

# The output of tests that passed. `successes:` comes twice: before the outputs, and before the list of the names.
/^successes:$/ { quiet = 1; test = ""; next }
/^failures:$/ || /^test result:/ { quiet = 0; test = "" }
quiet && /^---- .* stdout ----$/ { test = $2; next }

/^SKIPPED/ {
    key = binary SUBSEP test SUBSEP $0
    if (!(key in reported)) {
        reported[key] = 1
        lines[++count] = "skipped: " test ": " reason($0)
        if ($0 ~ /^SKIPPED:/ && test != "" && !((binary, test) in whole)) { whole[binary, test] = 1; skipped++ }
    }
    next
}

/^test result:/ {
    for (i = 1; i <= NF; i++) {
        if ($i == "passed;") passed += $(i - 1)
        if ($i == "failed;") failed += $(i - 1)
        if ($i == "ignored;") skipped_by_hand += $(i - 1)
    }
}

# At once: who reads along in a pipe or a file sees every line when it is printed.
!quiet { print; fflush() }

END {
    if (count) print "\nNot everything could run here:"
    for (i = 1; i <= count; i++) print "  " lines[i]
    passed -= skipped
    skipped += skipped_by_hand
    printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0
}
