function chunkAverages(numbers, size) {
    const averages = [];
    for (let start = 0; start < numbers.length; start += size) {
        const group = numbers.slice(start, start + size);
        averages.push(group.reduce((sum, number) => sum + number) / group.length);
    }
    return averages;
}

const [size, numbers] = require("fs").readFileSync(0, "utf8").trim().split("\n");
for (const average of chunkAverages(numbers.split(" ").map(Number), Number(size))) {
    console.log(average.toFixed(2));
}
