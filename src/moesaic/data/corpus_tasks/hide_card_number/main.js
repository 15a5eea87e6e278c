function hideCardNumber(number) {
    return number.replace(/\d(?=(\D*\d){4})/g, "*");
}

const number = require("fs").readFileSync(0, "utf8").trim();
console.log(hideCardNumber(number));
