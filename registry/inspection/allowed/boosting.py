"""XGBoost, LightGBM and CatBoost: their models are handed to the library as bytes or text."""

from __future__ import annotations

from .names import names

# Boosters read files where they are called with a path; they are only named here.
NAMED = names("""
catboost.core CatBoost CatBoostClassifier CatBoostRanker CatBoostRegressor
lightgbm.basic Booster
lightgbm.sklearn LGBMClassifier LGBMModel LGBMRanker LGBMRegressor
xgboost.callback EarlyStopping
xgboost.core Booster
xgboost.sklearn XGBClassifier XGBModel XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor
""")
