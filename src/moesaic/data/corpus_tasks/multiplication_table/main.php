<?php

declare(strict_types=1);

function multiplicationTable(int $number): void
{
    foreach (range(1, 10) as $factor) {
        printf("%d x %d = %d\n", $number, $factor, $number * $factor);
    }
}

multiplicationTable((int) fgets(STDIN));
