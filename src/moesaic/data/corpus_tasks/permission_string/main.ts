import * as fs from "fs";

enum Bit {
    Execute = 1,
    Write = 2,
    Read = 4,
}

function permissionString(digits: string): string {
    return digits.replace(/./g, (digit) => {
        const bits = Number(digit);
        const read = bits & Bit.Read ? "r" : "-";
        const write = bits & Bit.Write ? "w" : "-";
        const execute = bits & Bit.Execute ? "x" : "-";
        return read + write + execute;
    });
}

const digits = fs.readFileSync(0, "utf8").trim();
console.log(permissionString(digits));
