function selectionSortPasses(numbers) {
    for (let start = 0; start < numbers.length - 1; start++) {
        const smallest = numbers.indexOf(Math.min(...numbers.slice(start)), start);
        [numbers[start], numbers[smallest]] = [numbers[smallest], numbers[start]];
        console.log(numbers.join(" "));
    }
}

const input = require("fs").readFileSync(0, "utf8").trim();
selectionSortPasses(input.split(" ").map(Number));
