import * as fs from "fs";

class Fraction {
    constructor(readonly top: number, readonly bottom: number) {
    }

    plus(other: Fraction): Fraction {
        const top = this.top * other.bottom + other.top * this.bottom;
        return new Fraction(top, this.bottom * other.bottom).reduced();
    }

    reduced(): Fraction {
        let [divisor, rest] = [this.top, this.bottom];
        while (rest !== 0) {
            [divisor, rest] = [rest, divisor % rest];
        }
        return new Fraction(this.top / divisor, this.bottom / divisor);
    }
}

function sumOfFractions(fractions: Fraction[]): Fraction {
    return fractions.reduce((sum, fraction) => sum.plus(fraction), new Fraction(0, 1));
}

const fractions = fs.readFileSync(0, "utf8").trim().split(" ").map((word) => {
    const [top, bottom] = word.split("/").map(Number);
    return new Fraction(top, bottom);
});
const sum = sumOfFractions(fractions);
console.log(`${sum.top}/${sum.bottom}`);
