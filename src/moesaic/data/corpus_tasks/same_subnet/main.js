function toBits(address) {
    const parts = address.split(".").map(Number);
    return parts.map((part) => part.toString(2).padStart(8, "0")).join("");
}

function sameSubnet(first, second, prefix) {
    return toBits(first).slice(0, prefix) === toBits(second).slice(0, prefix);
}

const [first, second, prefix] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(sameSubnet(first, second, Number(prefix)) ? "yes" : "no");
