function grayCode(bits) {
    const code = [];
    for (let index = 0; index < 2 ** bits; index++) {
        const value = index ^ (index >> 1);
        code.push(value.toString(2).padStart(bits, "0"));
    }
    return code;
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(grayCode(Number(input)).join("\n"));
