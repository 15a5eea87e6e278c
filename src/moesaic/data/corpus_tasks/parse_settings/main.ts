import * as fs from "fs";

interface Setting {
    section: string;
    name: string;
    value: string;
}

function parseSettings(lines: string[]): Setting[] {
    const settings: Setting[] = [];
    let section = "";
    for (const line of lines.map((text) => text.trim())) {
        if (line === "" || line.startsWith("#")) {
            continue;
        }
        if (line.startsWith("[")) {
            section = line.slice(1, -1);
            continue;
        }
        const [name, ...rest] = line.split("=");
        settings.push({section, name: name.trim(), value: rest.join("=").trim()});
    }
    return settings;
}

const lines = fs.readFileSync(0, "utf8").split("\n");
for (const {section, name, value} of parseSettings(lines)) {
    console.log(`${section}.${name}=${value}`);
}
