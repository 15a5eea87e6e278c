import * as fs from "fs";

function grayCode(bits: number): string[] {
    if (bits === 0) {
        return [""];
    }
    const shorter = grayCode(bits - 1);
    const mirrored = [...shorter].reverse();
    return [...shorter.map((code) => "0" + code), ...mirrored.map((code) => "1" + code)];
}

const bits = Number(fs.readFileSync(0, "utf8"));
for (const code of grayCode(bits)) {
    console.log(code);
}
