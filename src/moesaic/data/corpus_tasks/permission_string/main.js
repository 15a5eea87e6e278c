const groups = ["---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"];

function permissionString(digits) {
    return [...digits].map((digit) => groups[digit]).join("");
}

const digits = require("fs").readFileSync(0, "utf8").trim();
console.log(permissionString(digits));
