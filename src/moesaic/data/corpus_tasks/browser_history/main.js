function browserHistory(commands) {
    let pages = ["home"];
    let current = 0;
    return commands.map((command) => {
        const [name, page] = command.split(" ");
        if (name === "open") {
            pages = [...pages.slice(0, current + 1), page];
            current++;
        } else if (name === "back" && current > 0) {
            current--;
        } else if (name === "forward" && current < pages.length - 1) {
            current++;
        }
        return pages[current];
    });
}

const commands = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(browserHistory(commands).join("\n"));
