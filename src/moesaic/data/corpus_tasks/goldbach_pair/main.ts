import * as fs from "fs";

function goldbachPair(number: number): [number, number] {
    const isComposite: boolean[] = [];
    for (let prime = 2; prime * prime <= number; prime++) {
        for (let multiple = prime * prime; multiple <= number; multiple += prime) {
            isComposite[multiple] = true;
        }
    }
    let first = 2;
    while (isComposite[first] || isComposite[number - first]) {
        first++;
    }
    return [first, number - first];
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(...goldbachPair(number));
