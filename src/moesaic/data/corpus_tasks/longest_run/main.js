function longestRun(word) {
    const runs = word.match(/(.)\1*/g);
    return runs.reduce((longest, run) => (run.length > longest.length ? run : longest));
}

const run = longestRun(require("fs").readFileSync(0, "utf8").trim());
console.log(run[0], run.length);
