function eulerTotient(n) {
    let totient = n;
    for (let p = 2; p * p <= n; p++) {
        if (n % p === 0) {
            totient -= totient / p;
        }
        while (n % p === 0) {
            n /= p;
        }
    }
    if (n > 1) {
        totient -= totient / n;
    }
    return totient;
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(eulerTotient(Number(input)));
