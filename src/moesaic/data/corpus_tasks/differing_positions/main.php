<?php

declare(strict_types=1);

function differingPositions(string $first, string $second): array
{
    $positions = [];
    $length = max(strlen($first), strlen($second));
    for ($i = 0; $i < $length; $i++) {
        if (($first[$i] ?? '') !== ($second[$i] ?? '')) {
            $positions[] = $i + 1;
        }
    }
    return $positions;
}

$positions = differingPositions(trim(fgets(STDIN)), trim(fgets(STDIN)));
echo $positions === [] ? 'same' : implode(' ', $positions), PHP_EOL;
