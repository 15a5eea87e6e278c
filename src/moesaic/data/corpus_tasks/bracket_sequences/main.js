function bracketSequences(pairs) {
    const sequences = [];
    const build = (sequence, opened, closed) => {
        if (closed === pairs) {
            sequences.push(sequence);
            return;
        }
        if (opened < pairs) {
            build(sequence + "(", opened + 1, closed);
        }
        if (closed < opened) {
            build(sequence + ")", opened, closed + 1);
        }
    };
    build("", 0, 0);
    return sequences;
}

const pairs = Number(require("fs").readFileSync(0, "utf8"));
console.log(bracketSequences(pairs).join("\n"));
