function merge(left, right) {
    const merged = [];
    let i = 0;
    let j = 0;
    while (i < left.length && j < right.length) {
        merged.push(left[i] <= right[j] ? left[i++] : right[j++]);
    }
    return merged.concat(left.slice(i), right.slice(j));
}

function mergeSort(numbers) {
    if (numbers.length < 2) {
        return numbers;
    }
    const middle = Math.floor(numbers.length / 2);
    return merge(mergeSort(numbers.slice(0, middle)), mergeSort(numbers.slice(middle)));
}

const numbers = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(mergeSort(numbers).join(" "));
