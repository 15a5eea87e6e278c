<?php

declare(strict_types=1);

function printLine(string $name, int $cents): void
{
    printf("%-10s%8.2f\n", $name, $cents / 100);
}

function printReceipt(iterable $items): void
{
    $total = 0;
    foreach ($items as [$name, $count, $price]) {
        printLine($name, $count * $price);
        $total += $count * $price;
    }
    printLine('total', $total);
}

$items = [];
while ($item = fscanf(STDIN, '%s %d %d')) {
    $items[] = $item;
}
printReceipt($items);
