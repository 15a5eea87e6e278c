import * as fs from "fs";

function primeDivisors(n: number): Set<number> {
    const divisors = new Set<number>();
    for (let p = 2; p * p <= n; p++) {
        while (n % p === 0) {
            divisors.add(p);
            n /= p;
        }
    }
    return n > 1 ? divisors.add(n) : divisors;
}

function eulerTotient(n: number): number {
    let totient = n;
    for (const p of primeDivisors(n)) {
        totient -= totient / p;
    }
    return totient;
}

const n = Number(fs.readFileSync(0, "utf8"));
console.log(eulerTotient(n));
