import * as fs from "fs";

function toNumber(address: string): number {
    return address.split(".").reduce((number, part) => (number << 8) | Number(part), 0);
}

function sameSubnet(first: string, second: string, prefix: number): boolean {
    const hostBits = 32 - prefix;
    return toNumber(first) >> hostBits === toNumber(second) >> hostBits;
}

const [first, second, prefix] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(sameSubnet(first, second, Number(prefix)) ? "yes" : "no");
