<?php

declare(strict_types=1);

function sortFlagColors(string $stripes): string
{
    $sorted = '';
    foreach (['r', 'w', 'b'] as $color) {
        $sorted .= str_repeat($color, substr_count($stripes, $color));
    }
    return $sorted;
}

$stripes = trim(fgets(STDIN));
echo sortFlagColors($stripes), PHP_EOL;
