function parseSettings(lines) {
    const settings = [];
    let section;
    for (const line of lines) {
        const header = line.match(/^\[(.*)\]$/);
        const setting = line.match(/^([^#=]*)=(.*)$/);
        if (header) {
            section = header[1];
        } else if (setting) {
            settings.push(`${section}.${setting[1].trim()}=${setting[2].trim()}`);
        }
    }
    return settings;
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
console.log(parseSettings(lines).join("\n"));
