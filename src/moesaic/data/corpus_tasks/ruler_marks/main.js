function rulerMarks(depth) {
    if (depth === 0) {
        return "";
    }
    const half = rulerMarks(depth - 1);
    return `${half}${"-".repeat(depth)}\n${half}`;
}

const depth = Number(require("fs").readFileSync(0, "utf8"));
process.stdout.write(rulerMarks(depth));
