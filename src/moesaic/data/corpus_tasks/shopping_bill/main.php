<?php

declare(strict_types=1);

function shoppingBill(array $prices, array $items): array
{
    $total = 0;
    $unsold = 0;
    foreach ($items as $item) {
        if (isset($prices[$item])) {
            $total += $prices[$item];
        } else {
            $unsold++;
        }
    }
    return [$total, $unsold];
}

$count = (int) fgets(STDIN);
$prices = [];
for ($i = 0; $i < $count; $i++) {
    [$item, $price] = fscanf(STDIN, '%s %d');
    $prices[$item] = $price;
}
$items = explode(' ', trim(fgets(STDIN)));
echo implode(' ', shoppingBill($prices, $items)), PHP_EOL;
