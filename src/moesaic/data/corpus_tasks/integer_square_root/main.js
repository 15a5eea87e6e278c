function integerSquareRoot(number, low = 0, high = number) {
    if (low === high) {
        return low;
    }
    const middle = Math.ceil((low + high) / 2);
    if (middle * middle <= number) {
        return integerSquareRoot(number, middle, high);
    }
    return integerSquareRoot(number, low, middle - 1);
}

const number = Number(require("fs").readFileSync(0, "utf8"));
console.log(integerSquareRoot(number));
