// Runs every JavaScript program of a folder on all its inputs, in one process.
const fs = require("fs");
const path = require("path");
const util = require("util");

const folder = process.argv[2];
for (const task of fs.readdirSync(folder)) {
    const source = path.join(folder, task, "main.js");
    if (!fs.existsSync(source)) {
        continue;
    }
    const run = new Function("require", "console", "process", fs.readFileSync(source, "utf8"));
    for (const name of fs.readdirSync(path.join(folder, task)).filter((name) => name.endsWith(".in"))) {
        const input = path.join(folder, task, name);
        let output = "";
        const write = (text) => {
            output += text;
        };
        const readFileSync = () => fs.readFileSync(input, "utf8");
        try {
            run(
                () => ({readFileSync}),
                {log: (...values) => write(util.format(...values) + "\n")},
                {stdout: {write}},
            );
        } catch (error) {
            console.error(source, error);
        }
        fs.writeFileSync(input.replace(/in$/, "out"), output);
    }
}
