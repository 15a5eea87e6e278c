<?php

declare(strict_types=1);

class Item
{
    public function __construct(public readonly int $weight, public readonly int $value)
    {
    }
}

function knapsackValue(array $items, int $capacity): int
{
    $best = array_fill(0, $capacity + 1, 0);
    foreach ($items as $item) {
        for ($room = $capacity; $room >= $item->weight; $room--) {
            $best[$room] = max($best[$room], $best[$room - $item->weight] + $item->value);
        }
    }
    return $best[$capacity];
}

$capacity = (int) fgets(STDIN);
$items = [];
while ($numbers = fscanf(STDIN, '%d %d')) {
    $items[] = new Item(...$numbers);
}
echo knapsackValue($items, $capacity), PHP_EOL;
