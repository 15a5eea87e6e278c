function search(numbers, goesRight) {
    let low = 0;
    let high = numbers.length;
    while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (goesRight(numbers[middle])) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

function firstAndLastPosition(numbers, target) {
    const first = search(numbers, (number) => number < target) + 1;
    const last = search(numbers, (number) => number <= target);
    return first <= last ? `${first} ${last}` : "absent";
}

const [target, list] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(firstAndLastPosition(list.split(" ").map(Number), Number(target)));
